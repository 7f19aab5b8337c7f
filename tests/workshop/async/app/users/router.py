"""Users over HTTP."""

from fastapi import APIRouter, status

from app.dependencies import ReaderDep, SessionDep
from app.users import service
from app.users.dependencies import CurrentUser
from app.users.models import User
from app.users.schemas import SignedUp, UserCreate, UserRead, UserUpdate
from app.web.openapi import problems

router = APIRouter(prefix="/users", tags=["users"], responses=problems(503))


@router.post("", status_code=status.HTTP_201_CREATED, responses=problems(409))
async def sign_up(session: SessionDep, data: UserCreate) -> SignedUp:
    """Store a user, and return a token."""
    user, token = await service.create_user(session, data)
    return SignedUp(**UserRead.model_validate(user).model_dump(), token=token)


@router.get("/me", response_model=UserRead, responses=problems(401))
async def get_me(reader: ReaderDep, user: CurrentUser) -> User:
    """Read the current user."""
    return await service.get_user(reader, user.id)


@router.patch("/me", response_model=UserRead, responses=problems(401))
async def update_me(session: SessionDep, user: CurrentUser, data: UserUpdate) -> User:
    """Change the current user."""
    loaded = await service.get_user(session, user.id)
    return await service.update_user(session, loaded, data)
